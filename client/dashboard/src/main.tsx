import { render } from "preact";
import { App } from "./app";
import "./style.css";
import { applyTheme } from "./theme";

applyTheme();
const page = document.getElementById("page");
if (page !== null) render(<App />, page);
