"""How strongly a picture of tissue is magnified."""
