"""Does each invariant's test fail when its bug is put in? One that cannot fail proves nothing."""
