PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO studies VALUES(1,'old');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO version_info VALUES(1,12,'5.0.0');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO study_directions VALUES(1,'MINIMIZE',1,0);
INSERT INTO study_directions VALUES(2,'MAXIMIZE',1,1);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO study_user_attributes VALUES(1,1,'underbudget','{"record_version": 1, "version": "0.1.0", "dataset": {"name": "digits", "title": "digits of scikit-learn", "input_shape": [1, 28, 28], "classes": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "counts": {"train": 1258, "validation": 270, "test": 269}, "mean": [0.13530172800439733], "std": [0.25787651102485126], "checksum": "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"}, "budget": "params<2000", "precision": "float32", "epochs": 3, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "objective": "front", "minimize": "params", "tune": [], "seed": 5, "space": {"space_version": 1, "input_shape": [1, 28, 28], "classes": 10, "dimensions": [{"kind": "integer", "name": "n_before", "low": 1, "high": 2, "log": false}, {"kind": "integer", "name": "n_after", "low": 1, "high": 2, "log": false}, {"kind": "choice", "name": "transition", "choices": ["none", "before", "after"]}, {"kind": "choice", "name": "transition_tail", "choices": ["plain", "full"]}, {"kind": "integer", "name": "pools", "low": 1, "high": 2, "log": false}, {"kind": "choice", "name": "padding", "choices": ["none", "first", "last"]}, {"kind": "choice", "name": "head", "choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}, {"kind": "real", "name": "dropout", "low": 0.0, "high": 0.25, "step": 0.01}, {"kind": "choice", "name": "order", "choices": ["relu_bn", "bn_relu"]}, {"kind": "choice", "name": "first_tail", "choices": ["full", "activation"]}, {"kind": "choice", "name": "block", "choices": ["conv", "separable"]}, {"kind": "integer", "name": "width_before_1", "low": 4, "high": 8, "log": true}, {"kind": "integer", "name": "width_before_2", "low": 4, "high": 8, "log": true}, {"kind": "integer", "name": "width_before_3", "low": 4, "high": 8, "log": true}, {"kind": "integer", "name": "width_before_4", "low": 4, "high": 8, "log": true}, {"kind": "integer", "name": "width_after_1", "low": 4, "high": 8, "log": true}, {"kind": "integer", "name": "width_after_2", "low": 4, "high": 8, "log": true}, {"kind": "integer", "name": "width_after_3", "low": 4, "high": 8, "log": true}, {"kind": "integer", "name": "width_after_4", "low": 4, "high": 8, "log": true}, {"kind": "integer", "name": "width_after_5", "low": 4, "high": 8, "log": true}, {"kind": "integer", "name": "transition_width", "low": 4, "high": 8, "log": true}, {"kind": "integer", "name": "hidden_width", "low": 4, "high": 8, "log": true}]}, "space_fingerprint": "fb875a4ce6ee", "hypervolume_reference": {"params": 1999, "error": 90.0}}');
INSERT INTO study_user_attributes VALUES(2,1,'sessions','[{"started": "2026-11-21T16:37:19+00:00", "ended": "2026-11-21T16:37:25+00:00", "trials_asked": 13, "workers": 1, "device": "cpu", "sampler": "tpe", "stopping": "front", "first_rung": null, "reduction_factor": null, "target": 60.0, "command": "underbudget.py launch old --dataset digits --budget params<2000 --trials 13 --epochs 3 --workers 1 --seed 5 --config space.toml --engine in-process --target 60", "versions": {"python": "3.11.7", "underbudget": "0.1.0", "torch": "2.15.0", "torchvision": "0.29.2", "optuna": "5.0.0", "numpy": "2.4.6"}, "hardware": "Intel(R) Xeon(R) Processor @ 2.50GHz", "cores": 2, "system": "Linux 6.18.44-fc-v595", "outcome": "13 trials are done", "trials_after": 13, "busy_share": 0.6059254687787702, "seconds": 5.958}]');
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO study_system_attributes VALUES(1,1,'study:metric_names','["params", "accuracy"]');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO trials VALUES(1,0,1,'COMPLETE','2026-11-21 16:37:19.936880','2026-11-21 16:37:20.377750');
INSERT INTO trials VALUES(2,1,1,'COMPLETE','2026-11-21 16:37:20.389552','2026-11-21 16:37:20.714881');
INSERT INTO trials VALUES(3,2,1,'COMPLETE','2026-11-21 16:37:20.738742','2026-11-21 16:37:21.181613');
INSERT INTO trials VALUES(4,3,1,'COMPLETE','2026-11-21 16:37:21.204089','2026-11-21 16:37:21.552783');
INSERT INTO trials VALUES(5,4,1,'COMPLETE','2026-11-21 16:37:21.572506','2026-11-21 16:37:22.018046');
INSERT INTO trials VALUES(6,5,1,'COMPLETE','2026-11-21 16:37:22.071651','2026-11-21 16:37:22.426336');
INSERT INTO trials VALUES(7,6,1,'COMPLETE','2026-11-21 16:37:22.448132','2026-11-21 16:37:22.751082');
INSERT INTO trials VALUES(8,7,1,'COMPLETE','2026-11-21 16:37:22.774964','2026-11-21 16:37:23.075518');
INSERT INTO trials VALUES(9,8,1,'PRUNED','2026-11-21 16:37:23.122187','2026-11-21 16:37:23.468804');
INSERT INTO trials VALUES(10,9,1,'PRUNED','2026-11-21 16:37:23.508974','2026-11-21 16:37:23.762760');
INSERT INTO trials VALUES(11,10,1,'PRUNED','2026-11-21 16:37:23.827573','2026-11-21 16:37:24.219313');
INSERT INTO trials VALUES(12,11,1,'COMPLETE','2026-11-21 16:37:24.273516','2026-11-21 16:37:25.069731');
INSERT INTO trials VALUES(13,12,1,'COMPLETE','2026-11-21 16:37:25.156696','2026-11-21 16:37:25.500785');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO trial_user_attributes VALUES(1,1,'layers','"conv3x3(6,p1) relu | maxpool2 | conv3x3(4) relu bn drop0.01 | conv3x3(8) relu bn drop0.01 | conv3x3(10) | gap"');
INSERT INTO trial_user_attributes VALUES(2,1,'record','{"id": "b62b010cad0e", "layers_text": "conv3x3(6,p1) relu | maxpool2 | conv3x3(4) relu bn drop0.01 | conv3x3(8) relu bn drop0.01 | conv3x3(10) | gap", "cost": {"params": 1302, "macs": 148320, "peak_bytes": 23520, "params_bytes": 5208}, "seed": 3497652303, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(3,1,'curve','[{"epoch": 1, "train_loss": 1.8801551397792722, "train_accuracy": 32.1939586645469, "val_loss": 1.1249895727918644, "val_accuracy": 61.851851851851855, "seconds": 0.07613950299992212}, {"epoch": 2, "train_loss": 1.0419874598892638, "train_accuracy": 63.19554848966614, "val_loss": 0.9322024410904597, "val_accuracy": 63.333333333333336, "seconds": 0.06609100999958173}, {"epoch": 3, "train_loss": 0.6133112410436413, "train_accuracy": 78.7758346581876, "val_loss": 0.37358898764226955, "val_accuracy": 88.14814814814815, "seconds": 0.07113791700021466}]');
INSERT INTO trial_user_attributes VALUES(4,1,'result','{"score": 71.11111111111111, "epochs": 3, "seconds": 0.2133684299997185, "confusion": [[27, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 21, 0, 0, 0, 0, 0, 0, 5, 1], [0, 1, 23, 0, 0, 0, 0, 1, 1, 0], [0, 0, 0, 23, 0, 2, 0, 3, 0, 0], [0, 0, 0, 0, 25, 0, 2, 0, 0, 0], [0, 0, 0, 2, 0, 24, 0, 0, 1, 0], [3, 0, 0, 0, 0, 0, 25, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 24, 2, 0], [0, 0, 0, 0, 0, 0, 0, 2, 24, 0], [0, 0, 0, 2, 0, 3, 0, 0, 0, 22]], "weights_file": "models/trial-0.safetensors", "weights_sha256": "41c64c2617e318951f648bdd86f49be152a11d3c3473f9a1760a2abef7b4e174", "path": "cpu float32 native avx512 threads=1", "device": "cpu", "hardware": "Intel(R) Xeon(R) Processor @ 2.50GHz", "versions": {"python": "3.11.7", "torch": "2.15.0+cu132", "numpy": "2.4.6", "underbudget": "0.1.0"}, "data_checksum": "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"}');
INSERT INTO trial_user_attributes VALUES(5,1,'verdict','"complete"');
INSERT INTO trial_user_attributes VALUES(6,2,'layers','"conv3x3(8) relu | conv1x1(7) relu bn | maxpool2 | conv3x3(7) relu bn | gap | conv1x1(10)"');
INSERT INTO trial_user_attributes VALUES(7,2,'record','{"id": "02167a3ceb22", "layers_text": "conv3x3(8) relu | conv1x1(7) relu bn | maxpool2 | conv3x3(7) relu bn | gap | conv1x1(10)", "cost": {"params": 667, "macs": 139959, "peak_bytes": 40560, "params_bytes": 2668}, "seed": 2632316806, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(8,2,'curve','[{"epoch": 1, "train_loss": 2.176186423916861, "train_accuracy": 20.747217806041334, "val_loss": 2.0400198092033137, "val_accuracy": 24.074074074074073, "seconds": 0.10686086599980626}, {"epoch": 2, "train_loss": 1.6245646006440915, "train_accuracy": 46.42289348171701, "val_loss": 1.5080884888647759, "val_accuracy": 44.81481481481482, "seconds": 0.06305845099996077}, {"epoch": 3, "train_loss": 1.1224956662165402, "train_accuracy": 66.29570747217807, "val_loss": 0.8701041774195665, "val_accuracy": 79.25925925925925, "seconds": 0.0480214040003375}]');
INSERT INTO trial_user_attributes VALUES(9,2,'result','{"score": 49.382716049382715, "epochs": 3, "seconds": 0.21794072100010453, "confusion": [[26, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0, 23, 2, 0, 1, 0, 1, 0, 0, 0], [0, 1, 22, 0, 2, 0, 0, 1, 0, 0], [0, 1, 0, 17, 0, 7, 0, 0, 0, 3], [0, 2, 0, 0, 25, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 25, 1, 0, 0, 0], [0, 0, 0, 0, 0, 2, 26, 0, 0, 0], [0, 0, 0, 3, 1, 3, 0, 20, 0, 0], [0, 0, 0, 2, 0, 4, 7, 2, 9, 2], [0, 0, 0, 3, 0, 1, 0, 2, 0, 21]], "weights_file": "models/trial-1.safetensors", "weights_sha256": "2100c6d9301aff3f9eb7311f14c0f760c5e420f21ab5b01ddf47603672b8a011", "path": "cpu float32 native avx512 threads=1", "device": "cpu", "hardware": "Intel(R) Xeon(R) Processor @ 2.50GHz", "versions": {"python": "3.11.7", "torch": "2.15.0+cu132", "numpy": "2.4.6", "underbudget": "0.1.0"}, "data_checksum": "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"}');
INSERT INTO trial_user_attributes VALUES(10,2,'verdict','"complete"');
INSERT INTO trial_user_attributes VALUES(11,3,'layers','"conv3x3(8) bn relu drop0.01 | sep3x3(8) bn relu drop0.01 | maxpool2 | sep3x3(6) bn relu drop0.01 | maxpool2 | sep3x3(6) bn relu drop0.01 | sep3x3(10,p1) | gap"');
INSERT INTO trial_user_attributes VALUES(12,3,'record','{"id": "8b6c699c69d5", "layers_text": "conv3x3(8) bn relu drop0.01 | sep3x3(8) bn relu drop0.01 | maxpool2 | sep3x3(6) bn relu drop0.01 | maxpool2 | sep3x3(6) bn relu drop0.01 | sep3x3(10,p1) | gap", "cost": {"params": 588, "macs": 140844, "peak_bytes": 40064, "params_bytes": 2352}, "seed": 74969952, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(13,3,'curve','[{"epoch": 1, "train_loss": 2.13260516165142, "train_accuracy": 19.157392686804453, "val_loss": 1.847095182590396, "val_accuracy": 31.85185185185185, "seconds": 0.13823612200030766}, {"epoch": 2, "train_loss": 1.5541015816174821, "train_accuracy": 44.5945945945946, "val_loss": 1.7040988115853204, "val_accuracy": 44.81481481481482, "seconds": 0.06555222599990884}, {"epoch": 3, "train_loss": 1.0144716570671861, "train_accuracy": 63.513513513513516, "val_loss": 0.6403988417170381, "val_accuracy": 81.11111111111111, "seconds": 0.08355558299990662}]');
INSERT INTO trial_user_attributes VALUES(14,3,'result','{"score": 52.59259259259259, "epochs": 3, "seconds": 0.2873439310001231, "confusion": [[23, 1, 0, 0, 0, 0, 0, 0, 0, 3], [0, 12, 1, 0, 2, 0, 3, 2, 5, 2], [1, 1, 24, 0, 0, 0, 0, 0, 0, 0], [2, 0, 0, 22, 0, 2, 0, 1, 0, 1], [0, 0, 0, 0, 27, 0, 0, 0, 0, 0], [0, 0, 0, 3, 0, 18, 1, 0, 0, 5], [0, 0, 0, 0, 0, 0, 28, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 27, 0, 0], [0, 3, 0, 4, 0, 0, 0, 1, 15, 3], [1, 0, 0, 1, 0, 0, 0, 0, 2, 23]], "weights_file": "models/trial-2.safetensors", "weights_sha256": "c680aca542f901cb463ec2980152336b7ea47cc363b433c9d40c81e8878b5cbb", "path": "cpu float32 native avx512 threads=1", "device": "cpu", "hardware": "Intel(R) Xeon(R) Processor @ 2.50GHz", "versions": {"python": "3.11.7", "torch": "2.15.0+cu132", "numpy": "2.4.6", "underbudget": "0.1.0"}, "data_checksum": "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"}');
INSERT INTO trial_user_attributes VALUES(15,3,'verdict','"complete"');
INSERT INTO trial_user_attributes VALUES(16,4,'layers','"conv3x3(8) bn relu drop0.24 | maxpool2 | conv1x1(8) bn relu drop0.24 | sep3x3(8,p1) bn relu drop0.24 | maxpool2 | gap | conv1x1(10)"');
INSERT INTO trial_user_attributes VALUES(17,4,'record','{"id": "8d1fff51e99c", "layers_text": "conv3x3(8) bn relu drop0.24 | maxpool2 | conv1x1(8) bn relu drop0.24 | sep3x3(8,p1) bn relu drop0.24 | maxpool2 | gap | conv1x1(10)", "cost": {"params": 400, "macs": 82552, "peak_bytes": 27040, "params_bytes": 1600}, "seed": 4273510311, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(18,4,'curve','[{"epoch": 1, "train_loss": 2.3321315325978147, "train_accuracy": 11.605723370429253, "val_loss": 2.285259723123664, "val_accuracy": 9.62962962962963, "seconds": 0.05854839499988884}, {"epoch": 2, "train_loss": 2.2198188716222083, "train_accuracy": 15.977742448330684, "val_loss": 2.3479608388848683, "val_accuracy": 10.37037037037037, "seconds": 0.05424891699976797}, {"epoch": 3, "train_loss": 2.0910258670547273, "train_accuracy": 18.441971383147855, "val_loss": 2.1424116860212905, "val_accuracy": 17.77777777777778, "seconds": 0.09381628199980696}]');
INSERT INTO trial_user_attributes VALUES(19,4,'result','{"score": 12.592592592592593, "epochs": 3, "seconds": 0.20661359399946377, "confusion": [[1, 0, 0, 0, 0, 23, 2, 1, 0, 0], [11, 2, 0, 0, 0, 12, 2, 0, 0, 0], [0, 0, 0, 0, 0, 17, 0, 9, 0, 0], [0, 0, 0, 4, 0, 8, 0, 16, 0, 0], [0, 0, 0, 1, 0, 15, 0, 11, 0, 0], [0, 0, 0, 1, 0, 17, 0, 9, 0, 0], [5, 0, 0, 0, 0, 19, 4, 0, 0, 0], [0, 0, 0, 1, 0, 6, 0, 20, 0, 0], [3, 0, 0, 0, 0, 22, 1, 0, 0, 0], [0, 0, 0, 3, 0, 15, 1, 8, 0, 0]], "weights_file": "models/trial-3.safetensors", "weights_sha256": "e22ef638a87195485dd188e47e1bca94314f98cc6d49dcb5df92f67ed97dda6c", "path": "cpu float32 native avx512 threads=1", "device": "cpu", "hardware": "Intel(R) Xeon(R) Processor @ 2.50GHz", "versions": {"python": "3.11.7", "torch": "2.15.0+cu132", "numpy": "2.4.6", "underbudget": "0.1.0"}, "data_checksum": "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"}');
INSERT INTO trial_user_attributes VALUES(20,4,'verdict','"complete"');
INSERT INTO trial_user_attributes VALUES(21,5,'layers','"conv3x3(7) relu bn drop0.03 | conv1x1(7) relu bn drop0.03 | maxpool2 | conv3x3(8) relu bn drop0.03 | maxpool2 | conv3x3(7,p1) relu bn drop0.03 | conv3x3(10) | gap"');
INSERT INTO trial_user_attributes VALUES(22,5,'record','{"id": "6faf95dee38e", "layers_text": "conv3x3(7) relu bn drop0.03 | conv1x1(7) relu bn drop0.03 | maxpool2 | conv3x3(8) relu bn drop0.03 | maxpool2 | conv3x3(7,p1) relu bn drop0.03 | conv3x3(10) | gap", "cost": {"params": 1808, "macs": 154966, "peak_bytes": 37856, "params_bytes": 7232}, "seed": 955346247, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(23,5,'curve','[{"epoch": 1, "train_loss": 1.4554152195260435, "train_accuracy": 49.44356120826709, "val_loss": 0.40911870860550853, "val_accuracy": 86.66666666666667, "seconds": 0.1041993049998382}, {"epoch": 2, "train_loss": 0.602975080991094, "train_accuracy": 79.09379968203497, "val_loss": 0.7024866571421158, "val_accuracy": 80.0, "seconds": 0.05548502300007385}, {"epoch": 3, "train_loss": 0.3328635354429867, "train_accuracy": 88.95071542130366, "val_loss": 0.1499844955183039, "val_accuracy": 95.55555555555556, "seconds": 0.12283062599999539}]');
INSERT INTO trial_user_attributes VALUES(24,5,'result','{"score": 87.4074074074074, "epochs": 3, "seconds": 0.28251495399990745, "confusion": [[27, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 23, 0, 0, 1, 0, 0, 0, 3, 0], [0, 0, 23, 0, 0, 0, 1, 0, 2, 0], [0, 0, 0, 27, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 27, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 27, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 28, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 27, 0, 0], [0, 2, 0, 0, 1, 0, 0, 0, 23, 0], [0, 0, 0, 0, 1, 0, 0, 0, 0, 26]], "weights_file": "models/trial-4.safetensors", "weights_sha256": "bc929ce3b78fda88a7e4cf117db78466566a7af3e12212e8dffc11d415ee6ba7", "path": "cpu float32 native avx512 threads=1", "device": "cpu", "hardware": "Intel(R) Xeon(R) Processor @ 2.50GHz", "versions": {"python": "3.11.7", "torch": "2.15.0+cu132", "numpy": "2.4.6", "underbudget": "0.1.0"}, "data_checksum": "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"}');
INSERT INTO trial_user_attributes VALUES(25,5,'verdict','"complete"');
INSERT INTO trial_user_attributes VALUES(26,6,'layers','"conv3x3(4) relu | sep3x3(5) bn relu drop0.25 | maxpool2 | conv1x1(4) bn relu drop0.25 | sep3x3(4) bn relu drop0.25 | gap | conv1x1(10)"');
INSERT INTO trial_user_attributes VALUES(27,6,'record','{"id": "8f23161ee792", "layers_text": "conv3x3(4) relu | sep3x3(5) bn relu drop0.25 | maxpool2 | conv1x1(4) bn relu drop0.25 | sep3x3(4) bn relu drop0.25 | gap | conv1x1(10)", "cost": {"params": 230, "macs": 64712, "peak_bytes": 20736, "params_bytes": 920}, "seed": 3925252510, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(28,6,'curve','[{"epoch": 1, "train_loss": 2.3138453989874948, "train_accuracy": 9.936406995230525, "val_loss": 2.2902590006432435, "val_accuracy": 13.703703703703704, "seconds": 0.07375617199977569}, {"epoch": 2, "train_loss": 2.2455246456034885, "train_accuracy": 16.69316375198728, "val_loss": 2.2407827753160396, "val_accuracy": 21.85185185185185, "seconds": 0.036823764000018855}, {"epoch": 3, "train_loss": 2.1414039769588493, "train_accuracy": 18.680445151033386, "val_loss": 2.1709959788344597, "val_accuracy": 16.666666666666668, "seconds": 0.07806564900010926}]');
INSERT INTO trial_user_attributes VALUES(29,6,'result','{"score": 17.40740740740741, "epochs": 3, "seconds": 0.1886455849999038, "confusion": [[0, 21, 0, 0, 3, 3, 0, 0, 0, 0], [0, 27, 0, 0, 0, 0, 0, 0, 0, 0], [0, 21, 0, 0, 3, 2, 0, 0, 0, 0], [0, 13, 0, 0, 4, 11, 0, 0, 0, 0], [0, 24, 0, 0, 2, 1, 0, 0, 0, 0], [0, 9, 0, 0, 2, 16, 0, 0, 0, 0], [0, 22, 0, 0, 3, 3, 0, 0, 0, 0], [0, 22, 0, 0, 1, 4, 0, 0, 0, 0], [0, 26, 0, 0, 0, 0, 0, 0, 0, 0], [0, 13, 0, 0, 4, 10, 0, 0, 0, 0]], "weights_file": "models/trial-5.safetensors", "weights_sha256": "e76f526f1335a5e716079315bffabbb47f54d2d9bf1e58bbb1bf418a8f416058", "path": "cpu float32 native avx512 threads=1", "device": "cpu", "hardware": "Intel(R) Xeon(R) Processor @ 2.50GHz", "versions": {"python": "3.11.7", "torch": "2.15.0+cu132", "numpy": "2.4.6", "underbudget": "0.1.0"}, "data_checksum": "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"}');
INSERT INTO trial_user_attributes VALUES(30,6,'verdict','"complete"');
INSERT INTO trial_user_attributes VALUES(31,7,'layers','"conv3x3(6,p1) relu | maxpool2 | sep3x3(6) bn relu drop0.24 | maxpool2 | gap | conv1x1(10)"');
INSERT INTO trial_user_attributes VALUES(32,7,'record','{"id": "8e20efea9816", "layers_text": "conv3x3(6,p1) relu | maxpool2 | sep3x3(6) bn relu drop0.24 | maxpool2 | gap | conv1x1(10)", "cost": {"params": 216, "macs": 55356, "peak_bytes": 23520, "params_bytes": 864}, "seed": 1568696154, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(33,7,'curve','[{"epoch": 1, "train_loss": 2.3029871451395367, "train_accuracy": 10.890302066772655, "val_loss": 2.233086172700567, "val_accuracy": 19.62962962962963, "seconds": 0.036437457999909384}, {"epoch": 2, "train_loss": 2.2104870946044723, "train_accuracy": 17.56756756756757, "val_loss": 2.1121557336141055, "val_accuracy": 18.88888888888889, "seconds": 0.07837773199980802}, {"epoch": 3, "train_loss": 2.0743830509346717, "train_accuracy": 20.031796502384736, "val_loss": 2.0043718101425654, "val_accuracy": 23.333333333333332, "seconds": 0.07787758799986477}]');
INSERT INTO trial_user_attributes VALUES(34,7,'result','{"score": 20.61728395061728, "epochs": 3, "seconds": 0.19269277799958218, "confusion": [[22, 1, 0, 4, 0, 0, 0, 0, 0, 0], [21, 4, 0, 2, 0, 0, 0, 0, 0, 0], [2, 0, 0, 24, 0, 0, 0, 0, 0, 0], [0, 0, 0, 20, 0, 8, 0, 0, 0, 0], [24, 1, 0, 2, 0, 0, 0, 0, 0, 0], [0, 0, 0, 9, 0, 17, 0, 1, 0, 0], [13, 0, 0, 15, 0, 0, 0, 0, 0, 0], [5, 0, 0, 18, 1, 3, 0, 0, 0, 0], [16, 1, 0, 9, 0, 0, 0, 0, 0, 0], [2, 0, 0, 23, 0, 1, 0, 1, 0, 0]], "weights_file": "models/trial-6.safetensors", "weights_sha256": "dc1a481dd870d7c59f3a912430f852e66e72f8051183821db48a7dde59356138", "path": "cpu float32 native avx512 threads=1", "device": "cpu", "hardware": "Intel(R) Xeon(R) Processor @ 2.50GHz", "versions": {"python": "3.11.7", "torch": "2.15.0+cu132", "numpy": "2.4.6", "underbudget": "0.1.0"}, "data_checksum": "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"}');
INSERT INTO trial_user_attributes VALUES(35,7,'verdict','"complete"');
INSERT INTO trial_user_attributes VALUES(36,8,'layers','"conv3x3(5) relu bn drop0.09 | conv1x1(5) relu bn drop0.09 | maxpool2 | conv3x3(4) relu bn drop0.09 | maxpool2 | conv3x3(6) relu bn drop0.09 | conv1x1(10) | gap"');
INSERT INTO trial_user_attributes VALUES(37,8,'record','{"id": "74c264b0c5e5", "layers_text": "conv3x3(5) relu bn drop0.09 | conv1x1(5) relu bn drop0.09 | maxpool2 | conv3x3(4) relu bn drop0.09 | maxpool2 | conv3x3(6) relu bn drop0.09 | conv1x1(10) | gap", "cost": {"params": 566, "macs": 71584, "peak_bytes": 27040, "params_bytes": 2264}, "seed": 521406677, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(38,8,'curve','[{"epoch": 1, "train_loss": 2.000606584148777, "train_accuracy": 24.562798092209857, "val_loss": 1.8959392758668028, "val_accuracy": 30.37037037037037, "seconds": 0.07955607199983206}, {"epoch": 2, "train_loss": 1.3401438594716362, "train_accuracy": 50.95389507154213, "val_loss": 1.342671141496369, "val_accuracy": 51.851851851851855, "seconds": 0.047004641000057745}, {"epoch": 3, "train_loss": 0.9920921448290911, "train_accuracy": 65.65977742448331, "val_loss": 0.6683927866466611, "val_accuracy": 78.88888888888889, "seconds": 0.035172031999991304}]');
INSERT INTO trial_user_attributes VALUES(39,8,'result','{"score": 53.7037037037037, "epochs": 3, "seconds": 0.1617327449998811, "confusion": [[25, 0, 0, 0, 1, 0, 0, 0, 1, 0], [0, 23, 3, 1, 0, 0, 0, 0, 0, 0], [0, 1, 21, 0, 0, 0, 0, 3, 1, 0], [0, 0, 0, 25, 0, 0, 0, 2, 0, 1], [0, 2, 0, 0, 25, 0, 0, 0, 0, 0], [0, 0, 1, 2, 0, 23, 0, 1, 0, 0], [0, 0, 0, 0, 0, 2, 26, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 26, 0, 0], [0, 3, 4, 0, 0, 0, 0, 12, 7, 0], [0, 0, 0, 12, 0, 2, 0, 1, 0, 12]], "weights_file": "models/trial-7.safetensors", "weights_sha256": "5d67706f211b7083d0738ff43ac08f88ef3efb0d75c298509db04753bfa30e19", "path": "cpu float32 native avx512 threads=1", "device": "cpu", "hardware": "Intel(R) Xeon(R) Processor @ 2.50GHz", "versions": {"python": "3.11.7", "torch": "2.15.0+cu132", "numpy": "2.4.6", "underbudget": "0.1.0"}, "data_checksum": "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"}');
INSERT INTO trial_user_attributes VALUES(40,8,'verdict','"complete"');
INSERT INTO trial_user_attributes VALUES(41,9,'layers','"conv3x3(8) relu bn drop0.04 | conv3x3(8) relu bn drop0.04 | conv1x1(8) | maxpool2 | conv3x3(8) relu bn drop0.04 | maxpool2 | gap | conv1x1(10)"');
INSERT INTO trial_user_attributes VALUES(42,9,'record','{"id": "b36969bcb6a2", "layers_text": "conv3x3(8) relu bn drop0.04 | conv3x3(8) relu bn drop0.04 | conv1x1(8) | maxpool2 | conv3x3(8) relu bn drop0.04 | maxpool2 | gap | conv1x1(10)", "cost": {"params": 1416, "macs": 474992, "peak_bytes": 40064, "params_bytes": 5664}, "seed": 2731598788, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(43,9,'curve','[{"epoch": 1, "train_loss": 2.1015900858474064, "train_accuracy": 26.15262321144674, "val_loss": 2.2128936290679913, "val_accuracy": 21.11111111111111, "seconds": 0.1983591470002466}]');
INSERT INTO trial_user_attributes VALUES(44,9,'stop','{"epoch": 1, "estimate": 43.7612595215155}');
INSERT INTO trial_user_attributes VALUES(45,9,'verdict','"stopped: at epoch 1, because it had 21.11 %, its forecast is 43.76 % (62.40 at best) and the front has 79.47 %"');
INSERT INTO trial_user_attributes VALUES(46,10,'layers','"conv3x3(8) relu bn drop0.24 | maxpool2 | conv1x1(8) | conv3x3(8) relu bn drop0.24 | maxpool2 | conv3x3(8) relu bn drop0.24 | conv1x1(10) | gap"');
INSERT INTO trial_user_attributes VALUES(47,10,'record','{"id": "995a95967bb9", "layers_text": "conv3x3(8) relu bn drop0.24 | maxpool2 | conv1x1(8) | conv3x3(8) relu bn drop0.24 | maxpool2 | conv3x3(8) relu bn drop0.24 | conv1x1(10) | gap", "cost": {"params": 1416, "macs": 135088, "peak_bytes": 27040, "params_bytes": 5664}, "seed": 2241148656, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(48,10,'curve','[{"epoch": 1, "train_loss": 2.0152349370018063, "train_accuracy": 28.37837837837838, "val_loss": 1.7332745589548708, "val_accuracy": 39.629629629629626, "seconds": 0.1129066979997333}]');
INSERT INTO trial_user_attributes VALUES(49,10,'stop','{"epoch": 1, "estimate": 55.738276501501545}');
INSERT INTO trial_user_attributes VALUES(50,10,'verdict','"stopped: at epoch 1, because it had 39.63 %, its forecast is 55.74 % (69.84 at best) and the front has 79.47 %"');
INSERT INTO trial_user_attributes VALUES(51,11,'layers','"conv3x3(8) relu bn drop0.14 | conv3x3(7) relu bn drop0.14 | conv1x1(7) | maxpool2 | conv3x3(8) relu bn drop0.14 | conv3x3(7) relu bn drop0.14 | conv1x1(10) | gap"');
INSERT INTO trial_user_attributes VALUES(52,11,'record','{"id": "30116f237adb", "layers_text": "conv3x3(8) relu bn drop0.14 | conv3x3(7) relu bn drop0.14 | conv1x1(7) | maxpool2 | conv3x3(8) relu bn drop0.14 | conv3x3(7) relu bn drop0.14 | conv1x1(10) | gap", "cost": {"params": 1763, "macs": 454336, "peak_bytes": 37760, "params_bytes": 7052}, "seed": 1455180495, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(53,11,'curve','[{"epoch": 1, "train_loss": 1.984716010538075, "train_accuracy": 29.72972972972973, "val_loss": 3.8021772430752168, "val_accuracy": 17.40740740740741, "seconds": 0.25911719299983815}]');
INSERT INTO trial_user_attributes VALUES(54,11,'stop','{"epoch": 1, "estimate": 42.847565434755865}');
INSERT INTO trial_user_attributes VALUES(55,11,'verdict','"stopped: at epoch 1, because it had 17.41 %, its forecast is 42.85 % (62.72 at best) and the front has 86.76 %"');
INSERT INTO trial_user_attributes VALUES(56,12,'layers','"conv3x3(6) relu bn drop0.08 | conv1x1(4) | maxpool2 | conv3x3(7) relu bn drop0.08 | maxpool2 | conv3x3(4,p1) relu bn drop0.08 | gap | conv1x1(10)"');
INSERT INTO trial_user_attributes VALUES(57,12,'record','{"id": "109c3d5ee553", "layers_text": "conv3x3(6) relu bn drop0.08 | conv1x1(4) | maxpool2 | conv3x3(7) relu bn drop0.08 | maxpool2 | conv3x3(4,p1) relu bn drop0.08 | gap | conv1x1(10)", "cost": {"params": 656, "macs": 89560, "peak_bytes": 27040, "params_bytes": 2624}, "seed": 2054607299, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(58,12,'curve','[{"epoch": 1, "train_loss": 2.1467420818845113, "train_accuracy": 22.893481717011127, "val_loss": 2.3504450044878946, "val_accuracy": 20.37037037037037, "seconds": 0.1423369960002674}, {"epoch": 2, "train_loss": 1.563455993640264, "train_accuracy": 43.72019077901431, "val_loss": 1.4014773255605022, "val_accuracy": 45.18518518518518, "seconds": 0.16061239000009664}, {"epoch": 3, "train_loss": 1.2116666390747812, "train_accuracy": 56.75675675675676, "val_loss": 0.877210692024933, "val_accuracy": 67.03703703703704, "seconds": 0.16821134799965876}]');
INSERT INTO trial_user_attributes VALUES(59,12,'result','{"score": 44.197530864197525, "epochs": 3, "seconds": 0.4711607340000228, "confusion": [[26, 0, 0, 0, 1, 0, 0, 0, 0, 0], [0, 23, 1, 0, 1, 0, 2, 0, 0, 0], [3, 0, 22, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 10, 0, 16, 0, 1, 0, 0], [0, 0, 0, 0, 27, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 25, 0, 0, 0, 0], [4, 1, 2, 0, 0, 0, 21, 0, 0, 0], [1, 0, 0, 0, 2, 0, 0, 24, 0, 0], [19, 2, 0, 0, 1, 0, 0, 1, 3, 0], [4, 0, 0, 18, 2, 2, 0, 1, 0, 0]], "weights_file": "models/trial-11.safetensors", "weights_sha256": "28835787cdb70753b6aea55c9f0231b052b1dd8d5e55320fa1780a36c38e9ec0", "path": "cpu float32 native avx512 threads=1", "device": "cpu", "hardware": "Intel(R) Xeon(R) Processor @ 2.50GHz", "versions": {"python": "3.11.7", "torch": "2.15.0+cu132", "numpy": "2.4.6", "underbudget": "0.1.0"}, "data_checksum": "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"}');
INSERT INTO trial_user_attributes VALUES(60,12,'verdict','"complete"');
INSERT INTO trial_user_attributes VALUES(61,13,'layers','"conv3x3(4) bn relu drop0.06 | sep3x3(4) bn relu drop0.06 | maxpool2 | sep3x3(5,p1) bn relu drop0.06 | maxpool2 | gap | conv1x1(4) bn relu drop0.06 | conv1x1(10)"');
INSERT INTO trial_user_attributes VALUES(62,13,'record','{"id": "7c8a98adc0ae", "layers_text": "conv3x3(4) bn relu drop0.06 | sep3x3(4) bn relu drop0.06 | maxpool2 | sep3x3(5,p1) bn relu drop0.06 | maxpool2 | gap | conv1x1(4) bn relu drop0.06 | conv1x1(10)", "cost": {"params": 238, "macs": 62412, "peak_bytes": 20032, "params_bytes": 952}, "seed": 1440094182, "recipe": {"name": "warp10-onecycle", "epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": false, "weight_decay": 0.0, "schedule": {"warm_up": 0.2, "first_divisor": 25.0, "last_divisor": 10000.0, "low_momentum": 0.85, "high_momentum": 0.95, "kind": "one-cycle"}, "augmentation": {"warps": [{"rotation": 10, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}, {"rotation": 10, "shear": 5, "translation": 0.1, "scale": [1.0, 1.0]}]}}, "retry_of": null, "record_version": 1}');
INSERT INTO trial_user_attributes VALUES(63,13,'curve','[{"epoch": 1, "train_loss": 2.2615060444419446, "train_accuracy": 14.228934817170112, "val_loss": 15.233853666149736, "val_accuracy": 10.0, "seconds": 0.11246947400013596}, {"epoch": 2, "train_loss": 2.093693738297504, "train_accuracy": 20.66772655007949, "val_loss": 2.620165179781018, "val_accuracy": 12.222222222222221, "seconds": 0.05965030300012586}, {"epoch": 3, "train_loss": 1.9877150599476943, "train_accuracy": 24.006359300476948, "val_loss": 2.940031354669316, "val_accuracy": 11.11111111111111, "seconds": 0.03985399700013659}]');
INSERT INTO trial_user_attributes VALUES(64,13,'result','{"score": 11.111111111111109, "epochs": 3, "seconds": 0.2119737740003984, "confusion": [[27, 0, 0, 0, 0, 0, 0, 0, 0, 0], [25, 2, 0, 0, 0, 0, 0, 0, 0, 0], [25, 0, 0, 0, 0, 1, 0, 0, 0, 0], [25, 0, 0, 0, 0, 0, 0, 0, 0, 3], [27, 0, 0, 0, 0, 0, 0, 0, 0, 0], [26, 0, 0, 0, 0, 1, 0, 0, 0, 0], [28, 0, 0, 0, 0, 0, 0, 0, 0, 0], [20, 0, 0, 0, 0, 1, 0, 0, 0, 6], [26, 0, 0, 0, 0, 0, 0, 0, 0, 0], [27, 0, 0, 0, 0, 0, 0, 0, 0, 0]], "weights_file": "models/trial-12.safetensors", "weights_sha256": "9f6f072da17e74732e21564fc0d6c1ea5f417b4d45fde6d6834bf0c75bb76f0c", "path": "cpu float32 native avx512 threads=1", "device": "cpu", "hardware": "Intel(R) Xeon(R) Processor @ 2.50GHz", "versions": {"python": "3.11.7", "torch": "2.15.0+cu132", "numpy": "2.4.6", "underbudget": "0.1.0"}, "data_checksum": "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"}');
INSERT INTO trial_user_attributes VALUES(65,13,'verdict','"complete"');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO trial_system_attributes VALUES(1,1,'constraints:params','-0.3486743371685843');
INSERT INTO trial_system_attributes VALUES(2,2,'constraints:params','-0.6663331665832917');
INSERT INTO trial_system_attributes VALUES(3,3,'constraints:params','-0.7058529264632316');
INSERT INTO trial_system_attributes VALUES(4,4,'constraints:params','-0.7998999499749875');
INSERT INTO trial_system_attributes VALUES(5,5,'constraints:params','-0.09554777388694347');
INSERT INTO trial_system_attributes VALUES(6,6,'constraints:params','-0.8849424712356178');
INSERT INTO trial_system_attributes VALUES(7,7,'constraints:params','-0.8919459729864933');
INSERT INTO trial_system_attributes VALUES(8,8,'constraints:params','-0.7168584292146073');
INSERT INTO trial_system_attributes VALUES(9,9,'constraints:params','-0.29164582291145574');
INSERT INTO trial_system_attributes VALUES(10,10,'constraints:params','-0.29164582291145574');
INSERT INTO trial_system_attributes VALUES(11,11,'constraints:params','-0.11805902951475739');
INSERT INTO trial_system_attributes VALUES(12,12,'constraints:params','-0.6718359179589795');
INSERT INTO trial_system_attributes VALUES(13,13,'constraints:params','-0.8809404702351176');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO trial_params VALUES(1,1,'n_before',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(2,1,'n_after',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(3,1,'transition',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(4,1,'pools',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(5,1,'padding',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(6,1,'head',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(7,1,'dropout',0.010000000000000000208,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(8,1,'order',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(9,1,'first_tail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(10,1,'block',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(11,1,'width_before_1',6.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(12,1,'width_after_1',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(13,1,'width_after_2',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(14,2,'n_before',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(15,2,'n_after',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(16,2,'transition',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(17,2,'transition_tail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "full"]}}');
INSERT INTO trial_params VALUES(18,2,'pools',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(19,2,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(20,2,'head',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(21,2,'dropout',0.0,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(22,2,'order',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(23,2,'first_tail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(24,2,'block',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(25,2,'width_before_1',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(26,2,'width_after_1',7.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(27,2,'transition_width',7.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(28,3,'n_before',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(29,3,'n_after',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(30,3,'transition',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(31,3,'pools',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(32,3,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(33,3,'head',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(34,3,'dropout',0.010000000000000000208,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(35,3,'order',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(36,3,'first_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(37,3,'block',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(38,3,'width_before_1',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(39,3,'width_before_2',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(40,3,'width_after_1',6.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(41,3,'width_after_2',6.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(42,4,'n_before',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(43,4,'n_after',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(44,4,'transition',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(45,4,'transition_tail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "full"]}}');
INSERT INTO trial_params VALUES(46,4,'pools',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(47,4,'padding',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(48,4,'head',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(49,4,'dropout',0.23999999999999999111,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(50,4,'order',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(51,4,'first_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(52,4,'block',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(53,4,'width_before_1',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(54,4,'width_after_1',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(55,4,'transition_width',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(56,5,'n_before',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(57,5,'n_after',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(58,5,'transition',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(59,5,'transition_tail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "full"]}}');
INSERT INTO trial_params VALUES(60,5,'pools',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(61,5,'padding',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(62,5,'head',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(63,5,'dropout',0.029999999999999998889,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(64,5,'order',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(65,5,'first_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(66,5,'block',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(67,5,'width_before_1',7.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(68,5,'width_after_1',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(69,5,'width_after_2',7.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(70,5,'transition_width',7.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(71,6,'n_before',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(72,6,'n_after',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(73,6,'transition',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(74,6,'transition_tail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "full"]}}');
INSERT INTO trial_params VALUES(75,6,'pools',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(76,6,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(77,6,'head',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(78,6,'dropout',0.25,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(79,6,'order',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(80,6,'first_tail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(81,6,'block',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(82,6,'width_before_1',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(83,6,'width_before_2',5.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(84,6,'width_after_1',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(85,6,'transition_width',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(86,7,'n_before',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(87,7,'n_after',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(88,7,'transition',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(89,7,'pools',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(90,7,'padding',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(91,7,'head',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(92,7,'dropout',0.23999999999999999111,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(93,7,'order',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(94,7,'first_tail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(95,7,'block',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(96,7,'width_before_1',6.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(97,7,'width_after_1',6.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(98,8,'n_before',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(99,8,'n_after',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(100,8,'transition',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(101,8,'transition_tail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "full"]}}');
INSERT INTO trial_params VALUES(102,8,'pools',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(103,8,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(104,8,'head',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(105,8,'dropout',0.089999999999999996669,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(106,8,'order',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(107,8,'first_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(108,8,'block',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(109,8,'width_before_1',5.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(110,8,'width_after_1',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(111,8,'width_after_2',6.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(112,8,'transition_width',5.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(113,9,'n_before',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(114,9,'n_after',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(115,9,'transition',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(116,9,'transition_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "full"]}}');
INSERT INTO trial_params VALUES(117,9,'pools',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(118,9,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(119,9,'head',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(120,9,'dropout',0.040000000000000000832,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(121,9,'order',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(122,9,'first_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(123,9,'block',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(124,9,'width_before_1',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(125,9,'width_before_2',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(126,9,'width_after_1',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(127,9,'transition_width',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(128,10,'n_before',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(129,10,'n_after',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(130,10,'transition',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(131,10,'transition_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "full"]}}');
INSERT INTO trial_params VALUES(132,10,'pools',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(133,10,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(134,10,'head',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(135,10,'dropout',0.23999999999999999111,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(136,10,'order',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(137,10,'first_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(138,10,'block',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(139,10,'width_before_1',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(140,10,'width_after_1',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(141,10,'width_after_2',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(142,10,'transition_width',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(143,11,'n_before',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(144,11,'n_after',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(145,11,'transition',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(146,11,'transition_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "full"]}}');
INSERT INTO trial_params VALUES(147,11,'pools',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(148,11,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(149,11,'head',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(150,11,'dropout',0.14000000000000001332,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(151,11,'order',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(152,11,'first_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(153,11,'block',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(154,11,'width_before_1',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(155,11,'width_before_2',7.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(156,11,'width_after_1',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(157,11,'width_after_2',7.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(158,11,'transition_width',7.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(159,12,'n_before',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(160,12,'n_after',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(161,12,'transition',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(162,12,'transition_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "full"]}}');
INSERT INTO trial_params VALUES(163,12,'pools',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(164,12,'padding',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(165,12,'head',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(166,12,'dropout',0.080000000000000001665,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(167,12,'order',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(168,12,'first_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(169,12,'block',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(170,12,'width_before_1',6.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(171,12,'width_after_1',7.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(172,12,'width_after_2',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(173,12,'transition_width',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(174,13,'n_before',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(175,13,'n_after',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(176,13,'transition',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "before", "after"]}}');
INSERT INTO trial_params VALUES(177,13,'pools',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO trial_params VALUES(178,13,'padding',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "first", "last"]}}');
INSERT INTO trial_params VALUES(179,13,'head',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv"]}}');
INSERT INTO trial_params VALUES(180,13,'dropout',0.059999999999999997779,'{"name": "FloatDistribution", "attributes": {"step": 0.01, "low": 0.0, "high": 0.25, "log": false}}');
INSERT INTO trial_params VALUES(181,13,'order',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu_bn", "bn_relu"]}}');
INSERT INTO trial_params VALUES(182,13,'first_tail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["full", "activation"]}}');
INSERT INTO trial_params VALUES(183,13,'block',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["conv", "separable"]}}');
INSERT INTO trial_params VALUES(184,13,'width_before_1',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(185,13,'width_before_2',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(186,13,'width_after_1',5.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
INSERT INTO trial_params VALUES(187,13,'hidden_width',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 8}}');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO trial_values VALUES(1,1,0,1302.0,'FINITE');
INSERT INTO trial_values VALUES(2,1,1,71.111111111111114267,'FINITE');
INSERT INTO trial_values VALUES(3,2,0,667.0,'FINITE');
INSERT INTO trial_values VALUES(4,2,1,49.382716049382715086,'FINITE');
INSERT INTO trial_values VALUES(5,3,0,588.0,'FINITE');
INSERT INTO trial_values VALUES(6,3,1,52.59259259259258812,'FINITE');
INSERT INTO trial_values VALUES(7,4,0,400.0,'FINITE');
INSERT INTO trial_values VALUES(8,4,1,12.592592592592593448,'FINITE');
INSERT INTO trial_values VALUES(9,5,0,1808.0,'FINITE');
INSERT INTO trial_values VALUES(10,5,1,87.407407407407404775,'FINITE');
INSERT INTO trial_values VALUES(11,6,0,230.0,'FINITE');
INSERT INTO trial_values VALUES(12,6,1,17.407407407407408328,'FINITE');
INSERT INTO trial_values VALUES(13,7,0,216.0,'FINITE');
INSERT INTO trial_values VALUES(14,7,1,20.617283950617281361,'FINITE');
INSERT INTO trial_values VALUES(15,8,0,566.0,'FINITE');
INSERT INTO trial_values VALUES(16,8,1,53.703703703703702387,'FINITE');
INSERT INTO trial_values VALUES(17,12,0,656.0,'FINITE');
INSERT INTO trial_values VALUES(18,12,1,44.197530864197524637,'FINITE');
INSERT INTO trial_values VALUES(19,13,0,238.0,'FINITE');
INSERT INTO trial_values VALUES(20,13,1,11.111111111111108939,'FINITE');
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES('v3.2.0.a');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
