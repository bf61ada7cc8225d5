"""How faithful the methods are on the shipped demo, and where a cause outside the region can be found."""
