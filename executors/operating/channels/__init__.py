"""How does a message leave this machine?"""
