// The entry of the page: makes the studio, the store and the root. Must not hold logic.

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { browserAddress, createBrowserStore } from './state/browser.ts';
import { App } from './ui/App.tsx';
import './ui/tokens.css';
import { createStudio } from './bridge/studio.ts';

const store = createBrowserStore(createStudio(), browserAddress(window));

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App store={store} />
  </StrictMode>,
);
