/** Who is signed in, and the way out; nothing where nobody has to. */

import { h } from "../dom.js";
import { remove } from "../service.js";

const NAMES = { "(token)": "Token of the service" };

export class Who extends HTMLElement {
  /** Show what `api/session` says. */
  set me(me) {
    this.replaceChildren();
    if (!me.signed_in || me.open) return;
    const sees = me.streams ? `, ${me.streams.length} of the streams` : "";
    this.append(
      h("span", { class: "badge", title: `Signed in as ${me.role}${sees}` }, `${NAMES[me.name] ?? me.name} · ${me.role}`),
      h("button", { class: "quiet", "data-act": "sign-out", onclick: () => this.#signOut() }, "Sign out"),
    );
  }

  async #signOut() {
    await remove("api/session").catch(() => {});
    location.reload(); // nothing that was seen stays on the screen
  }
}

customElements.define("fw-who", Who);
