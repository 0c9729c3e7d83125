import { type JSX, useEffect, useRef } from "react";
import type { ViewProps } from "../views.tsx";
import { ModelManager } from "./model_manager.tsx";

/** The view of the models. `#/models/ID` shows one of them, `#/models/storage` the storage. */
export default function Models({ id }: ViewProps): JSX.Element {
  const page = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (id === "storage") page.current?.querySelector(".storage")?.scrollIntoView();
  }, [id]);
  return (
    <div ref={page} className="page">
      <div className="page-column">
        <ModelManager key={id ?? ""} model={id} />
      </div>
    </div>
  );
}
