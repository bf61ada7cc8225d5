// Faults and forgotten names; how the code is laid out is left to whoever writes it.
import js from "@eslint/js";
import globals from "globals";

export default [
  {
    files: ["**/*.js"],
    ...js.configs.recommended,
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      ...js.configs.recommended.rules,
      eqeqeq: "error",
      "no-duplicate-imports": "error",
      "no-restricted-syntax": [
        "error",
        { selector: "ImportExpression", message: "The modules are joined into one: there is nothing to load later." },
        { selector: "MetaProperty[meta.name='import']", message: "The joined module has no address of its own." },
      ],
      "no-shadow": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", destructuredArrayIgnorePattern: "^_" }],
      "no-var": "error",
      "prefer-const": ["error", { destructuring: "all" }],
    },
  },
];
