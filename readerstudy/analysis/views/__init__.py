"""Pages of analysis: translate, call once, translate back."""
