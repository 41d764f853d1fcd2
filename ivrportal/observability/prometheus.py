"""The text of `/metrics`: the counts of this machine's processes, and the gauges of the portal's state."""

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


def render_metrics() -> bytes:
    """Without the database: the metrics that do not need it, and `ivrportal_database_up 0`."""
    registry = CollectorRegistry()
    registry.register(_PortalCollector())
    return generate_latest(registry)


class _PortalCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        counts = metrics.total()
        for name, meter in METERS.items():
            yield from _meter_metrics(name, meter, counts.get(name, {}))
        yield from _gauge_metrics(portal_gauges.spool_gauges())
        shared, status = database_probe.query_with_timeout(portal_gauges.database_gauges)
        yield from _gauge_metrics(shared)
        yield GaugeMetricFamily("ivrportal_database_up", "1 if the database answers.", float(status == "ok"))


def _meter_metrics(name: str, meter: Meter, series: Numbers) -> Iterator[Metric]:
    series = {(label,): [0.0] for label in meter.known} | series
    if not meter.buckets:
        counter = CounterMetricFamily(name, meter.help, labels=meter.labels)
        for labels, (number,) in series.items():
            counter.add_metric(labels, number)
        yield counter
        return
    ends = [*map(str, meter.buckets), "+Inf"]
    histogram = HistogramMetricFamily(name, meter.help, labels=meter.labels)
    for labels, (*buckets, total) in (series or _empty_series(meter)).items():
        histogram.add_metric(labels, list(zip(ends, accumulate(buckets), strict=True)), total)
    yield histogram


def _empty_series(meter: Meter) -> Numbers:
    return {} if meter.labels else {(): [0.0] * (len(meter.buckets) + 2)}


def _gauge_metrics(gauges: Gauges) -> Iterator[Metric]:
    for name, (help_text, values) in gauges.items():
        gauge = GaugeMetricFamily(name, help_text, labels=() if "" in values else ("state",))
        for state, value in values.items():
            gauge.add_metric((state,) if state else (), value)
        yield gauge
