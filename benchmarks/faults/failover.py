"""What happens to PostgreSQL under Patroni. What was killed is started again, as by its unit; all else is Patroni's."""

from __future__ import annotations

import signal
import time

from benchmarks.faults.cluster import PATIENCE_SECONDS, Cluster, Member
from benchmarks.faults.plant import Plant
from benchmarks.faults.stores import until

ETCD_SECONDS, FROZEN_SECONDS = 30, 40


def postgresql_killed(plant: Plant) -> None:
    """The primary's PostgreSQL crashes; its Patroni is there."""
    cluster = cluster_of(plant)
    lost = cluster.leader
    lost.tell(signal.SIGKILL, patroni=False)
    _succeeded(cluster, lost)


def primary_killed(plant: Plant) -> None:
    cluster = cluster_of(plant)
    lost = cluster.leader
    lost.kill()
    _succeeded(cluster, lost)


def primary_without_power(plant: Plant) -> None:
    """Nobody hears that it is gone: packets to it are lost, and connections to it stay as they are."""
    cluster = cluster_of(plant)
    lost = cluster.leader
    with lost.unreachable():
        lost.kill()
        until(lambda: cluster.is_led_by(_other(cluster, lost)), "another one's leading", PATIENCE_SECONDS)
        time.sleep(FROZEN_SECONDS / 2)
    _succeeded(cluster, lost)


def primary_frozen(plant: Plant) -> None:
    """It comes back believing that it leads, and what was sent to it meanwhile is waiting for it."""
    cluster = cluster_of(plant)
    _frozen(cluster.leader)
    cluster.wait()


def standby_killed(plant: Plant) -> None:
    cluster = cluster_of(plant)
    lost = cluster.standby
    lost.kill()
    time.sleep(ETCD_SECONDS)
    lost.start()
    cluster.wait()


def standby_frozen(plant: Plant) -> None:
    cluster = cluster_of(plant)
    _frozen(cluster.standby)
    cluster.wait()


def switched_over(plant: Plant) -> None:
    cluster = cluster_of(plant)
    cluster.switch_over()
    cluster.wait()


def etcd_lost(plant: Plant) -> None:
    cluster = cluster_of(plant)
    cluster.etcd.kill()
    time.sleep(ETCD_SECONDS)
    cluster.etcd.start()
    cluster.wait()


def cluster_of(plant: Plant) -> Cluster:
    assert isinstance(plant.databases, Cluster)
    return plant.databases


def _other(cluster: Cluster, member: Member) -> Member:
    return next(each for each in cluster.members if each is not member)


def _succeeded(cluster: Cluster, lost: Member) -> None:
    """Wait until another one leads; then the lost one comes back, and becomes its standby."""
    until(lambda: cluster.is_led_by(_other(cluster, lost)), "another one's leading", PATIENCE_SECONDS)
    if lost.process and lost.process.poll() is not None:
        lost.start()
    cluster.wait()


def _frozen(member: Member) -> None:
    member.tell(signal.SIGSTOP)
    time.sleep(FROZEN_SECONDS)
    member.tell(signal.SIGCONT)
