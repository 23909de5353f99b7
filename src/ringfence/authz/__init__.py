"""Who may do what: default deny, roles, and ownership of the requested resource."""
