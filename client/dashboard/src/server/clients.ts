// Clients of the page's own server: Connect in binary protobuf.
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { DatasetService } from "contract/sliceflow/v1/dataset_service_pb";
import { JobService } from "contract/sliceflow/v1/job_service_pb";
import { ServerService } from "contract/sliceflow/v1/server_service_pb";
import { token, tokenProblem } from "./token";

// Unary calls that are not answered by then have failed. Streams are watched over by those who read them.
const unaryTimeoutMs = 20_000;

// The server closes its connection behind each call, and a browser opens six at most, so calls that wait for one count their wait too.
function noteRefusal(error: unknown): void {
  const refusal = ConnectError.from(error);
  if (refusal.code === Code.Unauthenticated) tokenProblem.value = refusal.rawMessage;
}

// A token may end while a stream is under way.
async function* watched<Message>(messages: AsyncIterable<Message>): AsyncGenerator<Message> {
  try {
    yield* messages;
  } catch (error) {
    noteRefusal(error);
    throw error;
  }
}

const withToken: Interceptor = (next) => async (request) => {
  if (token.value !== "") request.header.set("Authorization", `Bearer ${token.value}`);
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: watched(response.message) } : response;
  } catch (error) {
    noteRefusal(error);
    throw error;
  }
};

const transport = createConnectTransport({
  baseUrl: new URL(".", document.baseURI).href.replace(/\/$/, ""),
  useBinaryFormat: true,
  defaultTimeoutMs: unaryTimeoutMs,
  interceptors: [withToken],
});

export const datasetService = createClient(DatasetService, transport);
export const jobService = createClient(JobService, transport);
export const serverService = createClient(ServerService, transport);

// For streams, which last as long as somebody reads: no deadline of their own.
export const noTimeout = 0;
