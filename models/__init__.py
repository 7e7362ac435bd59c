"""What a network is: layer language, architecture, plan, module, references, export."""
