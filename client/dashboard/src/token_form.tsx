import { useRef } from "preact/hooks";
import { isOfLink, setToken, token, tokenProblem } from "./server/token";

// Asks for the token that the server wants to see.
export function TokenForm() {
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    setToken(field.current?.value.trim() ?? "");
  };
  const ended = isOfLink.value;
  const wrong = token.value !== "" && !ended;
  return (
    <form class="panel narrow" onSubmit={submit}>
      <h1>{ended ? "This link has ended" : "This server asks for a token"}</h1>
      {ended && <p>It has expired, or its owner has ended it. Ask for a new one, or show a token of your own.</p>}
      <p>An operator makes one with “sliceflowd token create”. It is kept in this tab only, until the tab is closed.</p>
      <label for="token">Token</label>
      <input
        id="token"
        ref={field}
        type="password"
        autocomplete="off"
        required
        aria-invalid={wrong}
        aria-describedby="token-problem"
        placeholder="sft_…"
      />
      <p id="token-problem" class="problem" role="alert">
        {wrong ? `This token is not taken: ${tokenProblem.value}` : ""}
      </p>
      <button type="submit" class="main">
        Use this token
      </button>
    </form>
  );
}
