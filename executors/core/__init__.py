"""The rules about tasks: states, who qualifies, deadlines, tries and reasons to wait. Pure."""
