"""What do the rules of counting and telling say, without rows and without a clock?"""
