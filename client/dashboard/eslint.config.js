// Mistakes that types alone do not find. Style is prettier's.
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(tseslint.configs.recommendedTypeChecked, {
  languageOptions: { parserOptions: { projectService: true } },
  rules: {
    eqeqeq: "error",
    "no-console": "error",
    "prefer-const": "error",
    // Values of a job file are JSON, which the rule takes for objects; and work that ends at once is handed over as a promise like any other.
    "@typescript-eslint/no-base-to-string": "off",
    "@typescript-eslint/require-await": "off",
    "@typescript-eslint/no-shadow": "error",
    "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
  },
});
