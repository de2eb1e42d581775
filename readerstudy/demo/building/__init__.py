"""Making the demonstration: people, studies on phantoms, simulated work through the product's own services."""
