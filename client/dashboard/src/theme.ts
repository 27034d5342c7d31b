// Light or dark: as the system says, until the user chooses for this browser.
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const key = "sliceflow.theme";

function stored(): Theme {
  const value = localStorage.getItem(key);
  return value === "light" || value === "dark" ? value : "system";
}

export const theme = signal<Theme>(stored());

export function applyTheme(): void {
  document.documentElement.dataset["theme"] = theme.value;
}

export function setTheme(value: Theme): void {
  theme.value = value;
  localStorage.setItem(key, value);
  applyTheme();
}
