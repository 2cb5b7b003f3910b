"use strict";
// Charts are drawn one after another, those in view first, in the colours of the page.
{
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const plots = [...document.querySelectorAll("[data-chart]")];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const pause = () => new Promise((go) => setTimeout(go, 0));

  const config = () => {
    const ink = colour("--ink"), soft = colour("--soft"), line = colour("--line");
    const axis = { labelColor: ink, titleColor: soft, gridColor: line, gridOpacity: 0.3, domainColor: line, tickColor: line, titleFontWeight: "normal" };
    return { background: null, aria: false, font: "system-ui, sans-serif", view: { stroke: null }, axis, text: { color: ink },
      legend: { labelColor: ink, titleColor: soft, orient: "top", columns: 3 } };
  };

  const draw = (plot) => vegaEmbed(plot, specs[plot.dataset.chart], { actions: false, renderer: "svg", config: config() });

  const drawAll = async () => {
    for (const plot of plots) {
      await draw(plot);
      await pause();
    }
    document.documentElement.dataset.drawn = plots.length;
  };

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  requestAnimationFrame(() => setTimeout(drawAll, 0));
}
