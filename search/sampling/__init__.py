"""How the next network is proposed."""
