// Takes pictures of the page in both languages, both colours, on a desktop and a phone, for a person to look at.
import { launch, picture, say, visit } from "./browser.mjs";
import { start } from "./mock.mjs";

process.env.SCREENSHOTS = "1";
const server = await start({ pace: 1 });
const browser = await launch();
for (const [device, viewport] of [["desktop", { width: 1280, height: 800 }], ["phone", { width: 390, height: 844 }]]) {
  for (const [locale, colorScheme] of [["en-GB", "light"], ["en-GB", "dark"], ["zh-CN", "light"], ["zh-CN", "dark"]]) {
    const name = `${device}-${locale.slice(0, 2)}-${colorScheme}`;
    const phone = device === "phone" ? { hasTouch: true, isMobile: true, deviceScaleFactor: 2 } : {};
    const { page, context } = await visit(browser, server.url, { viewport, locale, colorScheme, ...phone });
    await page.locator(".model select:not([disabled])").waitFor();
    await picture(page, `${name}-1-welcome`);
    await say(page, locale === "zh-CN" ? "写一个合并两个有序列表的函数 markdown reason" : "Write a function that merges two sorted lists: markdown, reason");
    await page.locator(".labelled").last().click();
    await page.locator(".finding").waitFor();
    await page.waitForTimeout(700);
    await picture(page, `${name}-2-answer`);
    await page.locator(".scroller").evaluate((at) => at.scrollTo(0, 0));
    await picture(page, `${name}-3-top`);
    await say(page, "refuse this");
    await page.locator(".failure").waitFor();
    await say(page, "hello");
    await page.locator(".tally").last().click();
    await picture(page, `${name}-4-details`);
    await page.locator(".head .icon-button").last().click();
    await picture(page, `${name}-5-settings`);
    await page.keyboard.press("Escape");
    if (device === "phone") {
      await page.locator(".head .icon-button").first().click();
      await picture(page, `${name}-6-list`);
    }
    await context.close();
  }
}
await browser.close();
await server.close();
