"""What a watch tells leads to a look, soon and once, whoever has the cluster just then."""

import pytest

from executors.clusters.watchtower import Post
from k8s4r import clock
from pools.services import reach
from tests.builders import a_pod_pool
from tests.clusters import a_played_cluster
from tests.services.test_reconciling import Through


class Changing(Through):
    """A cluster in which something changes whenever it is watched."""

    def watch_pods(self, config):
        return iter(["one", "two", "three"])


@pytest.mark.django_db(transaction=True)
def test_word_that_came_while_another_had_the_cluster_is_looked_into_afterwards():
    pool, at_s = a_pod_pool(), [100.0]
    fake, played = a_played_cluster(pool)
    played.ports[pool.k8s_config_id] = Changing(fake)
    played.work(pool)
    fake.calls.clear()
    post = Post(pool.k8s_config_id, played.means(clock.now), monotonic=lambda: at_s[0])
    post.watch()
    lease = reach.take(pool.k8s_config_id, now=clock.now())
    post.keep()
    assert "list_pods" not in fake.calls, "changes are gathered for a second"
    at_s[0] += 1
    post.keep()
    assert "list_pods" not in fake.calls, "another has it"
    reach.release(lease)
    at_s[0] += 5
    post.keep()
    assert fake.calls.count("list_pods") == 1
