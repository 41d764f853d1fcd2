/* The charts of the home screen, and the messages while another period loads. Without JavaScript the tables show all
   figures, and the periods are links. */
(() => {
  "use strict";
  const charts = [];
  let isPrintMode = false;

  const colour = (canvas, name) => getComputedStyle(canvas).getPropertyValue(`--chart-${name}`).trim();

  /* Missed calls are a part of the calls: their bars are narrower and in front. Averages are lines. */
  const dataset = (canvas, one) => {
    const isLine = one.type === "line";
    const ink = colour(canvas, isLine ? `usual-${one.colour}` : one.colour);
    const isMissed = one.colour === "missed";
    return {
      type: one.type,
      label: one.name,
      data: one.values,
      order: isLine ? 0 : isMissed ? 1 : 2,
      borderColor: ink,
      backgroundColor: isLine ? "transparent" : ink,
      borderWidth: isLine ? 2 : 0,
      borderDash: isLine ? (isMissed ? [2, 3] : [7, 4]) : undefined,
      pointRadius: 0,
      pointHoverRadius: 4,
      tension: 0.3,
      grouped: false,
      borderRadius: 2,
      barPercentage: isMissed && one.values.length <= 40 ? 0.5 : 0.9,
      categoryPercentage: 0.95,
      isMissed,
    };
  };

  const draw = (canvas) => {
    const chartData = JSON.parse(canvas.closest(".home-card").querySelector("script[type='application/json']").textContent);
    const ink = colour(canvas, "ink");
    const line = colour(canvas, "line");
    const goTo = (event, points, chart) => {
      if (!points.length) return;
      const links = chart.data.datasets[points[0].datasetIndex].isMissed ? chartData.missedLinks : chartData.links;
      window.location.assign(links[points[0].index]);
    };
    charts.push(
      new window.Chart(canvas, {
        type: "bar",
        data: { labels: chartData.labels, datasets: chartData.series.map((one) => dataset(canvas, one)) },
        options: {
          animation: false,
          responsive: true,
          maintainAspectRatio: false,
          interaction: { mode: "index", intersect: false },
          onClick: (event, _points, chart) => goTo(event, chart.getElementsAtEventForMode(event, "nearest", { intersect: true }, false).concat(chart.getElementsAtEventForMode(event, "index", { intersect: false }, false)), chart),
          onHover: (event, points) => { event.native.target.style.cursor = points.length ? "pointer" : ""; },
          plugins: {
            legend: { position: "bottom", align: "start", labels: { color: ink, boxWidth: 18, boxHeight: 8, font: { size: 13 }, sort: (one, other) => one.datasetIndex - other.datasetIndex } },
            tooltip: { itemSort: (one, other) => one.datasetIndex - other.datasetIndex },
          },
          scales: {
            x: { grid: { display: false }, border: { color: line }, ticks: { color: ink, maxRotation: 0, autoSkipPadding: 12 } },
            y: { beginAtZero: true, grid: { color: line }, border: { display: false }, ticks: { color: ink, precision: 0, maxTicksLimit: 6 } },
          },
        },
      }),
    );
  };

  const drawAll = () => {
    while (charts.length) charts.pop().destroy();
    document.querySelectorAll(".home-canvas canvas").forEach(draw);
  };

  const figures = () => document.getElementById("home-figures");
  const isOurs = (event) => event.detail.target?.id === "home-figures";

  document.addEventListener("DOMContentLoaded", () => {
    drawAll();
    new MutationObserver(drawAll).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
    document.body.addEventListener("htmx:beforeRequest", (event) => {
      if (!isOurs(event)) return;
      const loadingText = figures().querySelector(".home-loading-text");
      figures().setAttribute("aria-busy", "true");
      figures().querySelector(".home-trouble").hidden = true;
      loadingText.textContent = loadingText.dataset.text;
    });
    document.body.addEventListener("htmx:afterSettle", (event) => {
      if (event.target.id !== "home-figures" && event.detail.elt?.id !== "home-figures") return;
      drawAll();
      if (!document.activeElement || document.activeElement === document.body) document.getElementById("home-title").focus({ preventScroll: true });
    });
    for (const trouble of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
      document.body.addEventListener(trouble, (event) => {
        if (!isOurs(event)) return;
        const message = figures().querySelector(".home-trouble");
        figures().removeAttribute("aria-busy");
        figures().querySelector(".home-loading-text").textContent = "";
        message.textContent = figures().dataset.trouble;
        message.hidden = false;
      });
    }
  });

  /* For printing, use the print colours and open the collapsed rows. */
  const applyPrintMode = (isPrinting) => {
    if (isPrintMode === isPrinting || !charts.length) return;
    isPrintMode = isPrinting;
    document.querySelectorAll(".home-more").forEach((one) => { one.open = isPrinting; });
    drawAll();
    charts.forEach((chart) => chart.resize());
  };
  window.addEventListener("beforeprint", () => applyPrintMode(true));
  window.addEventListener("afterprint", () => applyPrintMode(false));
})();
