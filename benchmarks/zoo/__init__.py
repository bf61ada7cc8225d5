"""The zoo: the networks people bring, each opened and compared with plain automatic differentiation."""
