import { useEffect, useRef, useState } from "react";

/**
 * Returns a value that changes at most once an animation frame while it is `live`, however often the given one changes.
 *
 * Once it is not live any more the newest value is returned at once.
 */
export function useFramed<T>(value: T, live: boolean): T {
  const [shown, setShown] = useState(value);
  const latest = useRef(value);
  const frame = useRef(0);
  useEffect(() => {
    latest.current = value;
    if (!live || frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      setShown(latest.current);
    });
  }, [value, live]);
  useEffect(
    () => () => {
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    },
    [],
  );
  return live ? shown : value;
}
