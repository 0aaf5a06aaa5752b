// The time, for words such as "3 minutes ago".

import { useEffect, useState } from 'react';

/** The time in ms since 1970, brought up to date every minute. */
export function useMinute(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 60_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
