// The curve of calls with its marks. The figures stand in a script element of the page; the table beside says the same.
(() => {
  const canvas = document.getElementById("effect-chart");
  const told = document.getElementById("effect-data");
  if (!canvas || !told || !window.Chart) return;
  const data = JSON.parse(told.textContent);
  const colour = (name) => getComputedStyle(canvas).getPropertyValue(`--effect-${name}`).trim();
  let chart;

  const placeOf = (mark, area) => area.left + (area.width * mark.place) / data.labels.length;

  const markAt = (event) => {
    const x = event.offsetX;
    const y = event.offsetY;
    if (y > chart.chartArea.top + 4) return undefined;
    return data.marks.find((mark) => Math.abs(placeOf(mark, chart.chartArea) - x) < 12);
  };

  // A dashed line from top to bottom, and above it how many changes there are.
  const lines = {
    id: "effect-marks",
    afterDatasetsDraw: (drawn) => {
      const { ctx, chartArea } = drawn;
      for (const mark of data.marks) {
        const x = placeOf(mark, chartArea);
        const ink = colour(mark.isChosen ? "chosen" : "mark");
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = ink;
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
        ctx.fillText(String(mark.words.length), x, chartArea.top - 10);
        ctx.restore();
      }
    },
  };

  const marksOf = (index) => data.marks.filter((mark) => Math.floor(mark.place) === index);

  const scale = (more) => ({
    beginAtZero: true,
    ticks: { color: colour("ink"), precision: 0, maxTicksLimit: 6 },
    title: { display: canvas.clientWidth > 600, color: colour("ink"), text: more.name },
    grid: { color: colour("line"), drawOnChartArea: more.position === "left" },
    border: { display: false },
    ...more,
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
        onClick: (event, found) => {
          const mark = markAt(event.native);
          if (mark) window.location.assign(mark.link);
          else if (found.length) window.location.assign(data.links[found[0].index]);
        },
        onHover: (event, found) => {
          canvas.style.cursor = found.length || markAt(event.native) ? "pointer" : "default";
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            callbacks: {
              title: (found) => data.titles[found[0].dataIndex],
              label: (one) => `${one.dataset.label}: ${one.formattedValue}`,
              afterBody: (found) => marksOf(found[0].dataIndex).flatMap((mark) => mark.words).slice(0, 8),
            },
          },
        },
        scales: {
          x: { ticks: { color: colour("ink"), autoSkip: true, maxRotation: 0 }, grid: { display: false } },
          calls: scale({ position: "left", name: data.names.calls }),
          share: scale({ position: "right", name: data.names.share, suggestedMax: 10 }),
        },
      },
      plugins: [lines],
    });
  };

  draw();
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["class"] });
})();
