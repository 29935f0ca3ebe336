"""How fast are we, measured beside a peer in the same run?"""
