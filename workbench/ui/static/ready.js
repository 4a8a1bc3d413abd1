/* The last of the page's scripts: what the components mount is all there from now on. */
"use strict";
window.workbench.ready = true;
