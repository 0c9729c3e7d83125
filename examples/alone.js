/**
 * The build puts this first into each page of the gallery. Like the site's other pages, these do not run inside of another page,
 * which could lay its own buttons over theirs: nothing is started, and there is nothing to press.
 */

if (top !== self) {
  stop(); // no script that follows is read
  const body = document.createElement("body");
  const link = document.createElement("a");
  link.href = location.pathname;
  link.target = "_blank";
  link.rel = "noopener";
  link.textContent = "Open it by itself.";
  body.append("This page does not run inside another page. ", link);
  document.documentElement.replaceChildren(body);
}
