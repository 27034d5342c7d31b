declare module "virtual:examples" {
  import type { JsonObject } from "@bufbuild/protobuf";
  export const examples: readonly { readonly name: string; readonly description: string; readonly job: JsonObject }[];
}
