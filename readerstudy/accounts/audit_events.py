"""What people do with their accounts, as sentences."""

from readerstudy.core.audit import register_events

register_events(
    {
        "accounts.signed_in": "signed in",
        "accounts.signed_out": "signed out",
        "accounts.preferences_changed": "changed their own settings: {fields}",
    }
)
