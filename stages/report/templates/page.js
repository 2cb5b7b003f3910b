"use strict";
// Charts are drawn one after another, in colours of the page that follow its scheme, in print too.
{
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const plots = [...document.querySelectorAll("[data-chart]")];
  const pause = () => new Promise((go) => setTimeout(go, 0));
  const ink = "var(--ink)", soft = "var(--soft)", line = "var(--line)";
  const config = {
    background: null, aria: false, font: "system-ui, sans-serif", view: { stroke: null }, text: { color: ink },
    axis: { labelColor: ink, titleColor: soft, titleFontWeight: "normal", gridColor: line, gridOpacity: 0.3, domainColor: line, tickColor: line, labelSeparation: 4 },
    legend: { labelColor: ink, titleColor: soft, orient: "top", columns: 3 },
  };

  const drawAll = async () => {
    for (const plot of plots) {
      await vegaEmbed(plot, specs[plot.dataset.chart], { actions: false, renderer: "svg", config });
      await pause();
    }
    document.documentElement.dataset.drawn = plots.length;
  };

  requestAnimationFrame(() => setTimeout(drawAll, 0));

  // On paper nothing can be opened: what was dropped, and tables that no chart draws, are open there.
  const closed = () => document.querySelectorAll("details.drop:not([open]), details.printed:not([open])");
  addEventListener("beforeprint", () => { for (const one of closed()) { one.open = true; one.dataset.shut = ""; } });
  addEventListener("afterprint", () => { for (const one of document.querySelectorAll("[data-shut]")) { one.open = false; delete one.dataset.shut; } });
}
