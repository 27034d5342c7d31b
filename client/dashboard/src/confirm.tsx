import { useEffect, useRef } from "preact/hooks";

interface Properties {
  readonly question: string;
  readonly detail: string;
  // The word on the button that does it.
  readonly action: string;
  readonly onAnswer: (confirmed: boolean) => void;
}

// A question that waits for an answer; Escape means no.
export function Confirm({ question, detail, action, onAnswer }: Properties) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby="confirm-question" onCancel={() => onAnswer(false)}>
      <h2 id="confirm-question">{question}</h2>
      <p>{detail}</p>
      <div class="buttons">
        <button type="button" onClick={() => onAnswer(false)}>
          No, keep it
        </button>
        <button type="button" class="danger" onClick={() => onAnswer(true)}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
