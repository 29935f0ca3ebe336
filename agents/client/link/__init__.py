"""The process that talks to the server; it owns nothing that its death could lose."""
