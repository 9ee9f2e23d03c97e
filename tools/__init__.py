"""What the crew's roles can do, composed from the integrations: this is the app, yours to change."""
