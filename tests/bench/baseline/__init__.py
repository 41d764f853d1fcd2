"""The same job done the ordinary way, on the portal's own settings and models: what the product is compared with."""
