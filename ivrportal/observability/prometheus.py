"""The text of `/metrics`: what the processes of this machine have counted, and how things stand now."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ivrportal.common import metrics
from ivrportal.common.metrics import METERS, Meter
from ivrportal.observability import database_probe
from ivrportal.observability import gauges as portal_gauges
from ivrportal.observability.gauges import Gauges

Numbers = dict[tuple[str, ...], list[float]]


def text() -> bytes:
    """Without the database, whatever is known without it, and `ivrportal_database_up 0`."""
    registry = CollectorRegistry()
    registry.register(_Everything())
    return generate_latest(registry)


class _Everything(Collector):
    def collect(self) -> Iterator[Metric]:
        counted = metrics.total()
        for name, meter in METERS.items():
            yield from _counted(name, meter, counted.get(name, {}))
        yield from _gauges(portal_gauges.of_disk())
        shared, told = database_probe.query_with_timeout(portal_gauges.of_database)
        yield from _gauges(shared)
        yield GaugeMetricFamily("ivrportal_database_up", "1 if the database answers.", float(told == "ok"))


def _counted(name: str, meter: Meter, series: Numbers) -> Iterator[Metric]:
    series = {(word,): [0.0] for word in meter.known} | series
    if not meter.buckets:
        counter = CounterMetricFamily(name, meter.help, labels=meter.labels)
        for labels, (number,) in series.items():
            counter.add_metric(labels, number)
        yield counter
        return
    ends = [*map(str, meter.buckets), "+Inf"]
    histogram = HistogramMetricFamily(name, meter.help, labels=meter.labels)
    for labels, (*buckets, seen) in (series or _nothing_yet(meter)).items():
        histogram.add_metric(labels, list(zip(ends, accumulate(buckets), strict=True)), seen)
    yield histogram


def _nothing_yet(meter: Meter) -> Numbers:
    return {} if meter.labels else {(): [0.0] * (len(meter.buckets) + 2)}


def _gauges(gauges: Gauges) -> Iterator[Metric]:
    for name, (what, values) in gauges.items():
        gauge = GaugeMetricFamily(name, what, labels=() if "" in values else ("state",))
        for state, value in values.items():
            gauge.add_metric((state,) if state else (), value)
        yield gauge
