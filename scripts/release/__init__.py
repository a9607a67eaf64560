"""What turns the repository into packages that a stranger installs, and checks them."""
