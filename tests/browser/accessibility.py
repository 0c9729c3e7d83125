"""What axe finds in a page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = (Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text()


def findings(page: Page) -> list[str]:
    """What axe calls serious or critical. The page's policy forbids script tags, so it comes over the debugger."""
    page.evaluate(AXE)
    return page.evaluate(_AXE)


_AXE = """async () => {
  // Colours that are still changing are not those that people read.
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  // An inherited one begins again with each step of its parent's, so this looks until there is none.
  const isPassing = (one) => one.effect.getComputedTiming().endTime !== Infinity;
  for (let all; (all = document.getAnimations().filter(isPassing)).length > 0; ) {
    await Promise.allSettled(all.map((one) => one.finished));
  }
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ target, any, html }) =>
      [id, target.join(" "), any[0]?.message ?? "", html.slice(0, 160)].join(" | ")));
}"""
