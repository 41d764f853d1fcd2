// The chart of calls with the marks of changes. Its data is in a script element; the table on the page has the same.
(() => {
  const canvas = document.getElementById("effect-chart");
  const dataElement = document.getElementById("effect-data");
  if (!canvas || !dataElement || !window.Chart) return;
  const data = JSON.parse(dataElement.textContent);
  const colour = (name) => getComputedStyle(canvas).getPropertyValue(`--effect-${name}`).trim();
  let chart;

  const xOfMark = (mark, area) => area.left + (area.width * mark.position) / data.labels.length;

  const markAt = (event) => {
    const x = event.offsetX;
    const y = event.offsetY;
    if (y > chart.chartArea.top + 4) return undefined;
    return data.marks.find((mark) => Math.abs(xOfMark(mark, chart.chartArea) - x) < 12);
  };

  // Draws each mark as a vertical line with the number of its changes above.
  const markPlugin = {
    id: "effect-marks",
    afterDatasetsDraw: ({ ctx, chartArea }) => {
      for (const mark of data.marks) {
        const x = xOfMark(mark, chartArea);
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = colour(mark.isChosen ? "chosen" : "mark");
        ctx.lineWidth = mark.isChosen ? 3 : 1.5;
        ctx.setLineDash(mark.isChosen ? [] : [4, 3]);
        ctx.beginPath();
        ctx.moveTo(x, chartArea.top);
        ctx.lineTo(x, chartArea.bottom);
        ctx.stroke();
        ctx.beginPath();
        ctx.arc(x, chartArea.top - 10, 9, 0, 2 * Math.PI);
        ctx.fill();
        ctx.fillStyle = colour("paper");
        ctx.font = "600 11px sans-serif";
        ctx.textAlign = "center";
        ctx.textBaseline = "middle";
        ctx.fillText(String(mark.texts.length), x, chartArea.top - 10);
        ctx.restore();
      }
    },
  };

  const marksAtIndex = (index) => data.marks.filter((mark) => Math.floor(mark.position) === index);

  const buildScale = (options) => ({
    beginAtZero: true,
    ticks: { color: colour("ink"), precision: 0, maxTicksLimit: 6 },
    title: { display: canvas.clientWidth > 600, color: colour("ink"), text: options.name },
    grid: { color: colour("line"), drawOnChartArea: options.position === "left" },
    border: { display: false },
    ...options,
  });

  const draw = () => {
    if (chart) chart.destroy();
    chart = new Chart(canvas, {
      data: {
        labels: data.labels,
        datasets: [
          { type: "line", label: data.names.share, data: data.shares, yAxisID: "share", borderColor: colour("share"), backgroundColor: colour("share"), borderWidth: 2, pointRadius: data.labels.length > 40 ? 0 : 2, pointHitRadius: 8, tension: 0.2 },
          { type: "bar", label: data.names.calls, data: data.calls, yAxisID: "calls", backgroundColor: data.sides.map((side) => colour(side || "calls")), borderRadius: 2 },
        ],
      },
      options: {
        responsive: true,
        maintainAspectRatio: false,
        animation: false,
        layout: { padding: { top: 22 } },
        interaction: { mode: "index", intersect: false },
        onClick: (event, elements) => {
          const mark = markAt(event.native);
          if (mark) window.location.assign(mark.link);
          else if (elements.length) window.location.assign(data.links[elements[0].index]);
        },
        onHover: (event, elements) => {
          canvas.style.cursor = elements.length || markAt(event.native) ? "pointer" : "default";
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            callbacks: {
              title: (items) => data.titles[items[0].dataIndex],
              label: (item) => `${item.dataset.label}: ${item.formattedValue}`,
              afterBody: (items) => marksAtIndex(items[0].dataIndex).flatMap((mark) => mark.texts).slice(0, 8),
            },
          },
        },
        scales: {
          x: { ticks: { color: colour("ink"), autoSkip: true, maxRotation: 0 }, grid: { display: false } },
          calls: buildScale({ position: "left", name: data.names.calls }),
          share: buildScale({ position: "right", name: data.names.share, suggestedMax: 10 }),
        },
      },
      plugins: [markPlugin],
    });
  };

  draw();
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["class"] });
})();
