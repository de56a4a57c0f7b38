"""A Django site that takes orders for cakes, and bakes them in the background in five ways."""
