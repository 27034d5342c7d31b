// First, so that the styles of pages come behind it.
import "./style.css";
import { render } from "preact";
import { App } from "./app";
import { applyTheme } from "./theme";

applyTheme();
const page = document.getElementById("page");
// What stood there while this program was on its way.
page?.replaceChildren();
if (page !== null) render(<App />, page);
