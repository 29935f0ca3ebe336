"""What changes when operators are told something?"""
