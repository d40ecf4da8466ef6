"use strict";
// The page sends nothing to other servers: its policy forbids it, and the features that would try are
// switched off.
Scalar.createApiReference("#reference", {
  url: "/openapi.json",
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: "never",
  authentication: { preferredSecurityScheme: "api_key" },
  defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
  hiddenClients: ["libcurl", "clj_http", "restsharp", "unirest", "nsurlsession", "cohttp", "native", "guzzle", "httr"],
});
