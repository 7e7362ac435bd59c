"""`underbudget references`: the published networks that are built in."""

from underbudget.search.commands.options import Json
from underbudget.search.commands.terminal import console, print_json, say, table


def references(as_json: Json = False) -> None:
    """List the built-in published networks with their published figures."""
    from underbudget.models.references import REFERENCES

    if as_json:
        listed = []
        for reference in REFERENCES.values():
            fields = {name: value for name, value in vars(reference).items() if name != "architecture"}
            listed.append({**fields, "layers_text": str(reference.architecture), "id": reference.architecture.id})
        print_json(listed)
        return
    shown = ("name", "published_params", "best_test_pct", "epochs", "recipe")
    rows = ([getattr(reference, name) for name in shown] for reference in REFERENCES.values())
    console().print(table(("name", "params", "test %", "epochs", "recipe"), rows, left=("name", "recipe")))
    say("test %: as published: one run, best epoch, chosen on the test set. See one with: underbudget show saish-m4")
