"""Does each invariant's test fail when its bug is put in? A test that cannot fail proves nothing."""
