// What the server says of itself, asked for once and kept.
import { signal } from "@preact/signals";
import type { ServerInfo } from "contract/sliceflow/v1/server_service_pb";
import { serverService } from "./clients";

export const serverInfo = signal<ServerInfo | undefined>(undefined);
let asking: Promise<void> | undefined;

// Throws what the call failed with; the next caller asks again.
export async function loadServerInfo(): Promise<void> {
  if (serverInfo.value !== undefined) return;
  asking ??= serverService.getServerInfo({}).then((info) => {
    serverInfo.value = info;
  });
  try {
    await asking;
  } finally {
    asking = undefined;
  }
}
