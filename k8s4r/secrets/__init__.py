"""How are secrets kept that we have to hand on, and so cannot keep as a digest?"""
