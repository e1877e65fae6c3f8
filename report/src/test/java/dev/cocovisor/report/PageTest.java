package dev.cocovisor.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.report.html.Page;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A page is one file that fetches nothing and that no text can break out of. */
class PageTest {
  @Test
  void whatIsShownCannotEndTheScript() {
    String html =
        new Page("run", "</title><b>", "</script><script>alert(1)")
            .chip("<i>", "")
            .runs(List.of(Map.of("call", "<!--<script>")), false)
            .html();
    assertThat(html).contains("\\u003c/script>\\u003cscript>alert(1)").doesNotContain("<i>");
    assertThat(html).contains("<title>&lt;/title&gt;&lt;b&gt; – cocovisor</title>");
    assertThat(html.split("<script", -1)).hasSize(3);
  }

  @Test
  void nothingIsFetched() {
    String html = new Page("run", "a", "").html();
    assertThat(html.replace("http://www.w3.org/2000/svg", "")).doesNotContain("http:", "https:");
    assertThat(html).doesNotContain("@import", "url(", "src=", "fetch(").doesNotContain("@STYLE@");
    assertThat(html.length()).isLessThan(80_000);
  }

  @Test
  void aLongDocumentIsPacked() {
    String html = new Page("run", "a", "b".repeat(3 << 20)).html();
    assertThat(html).contains("type=\"application/gzip\"");
    assertThat(html.length()).isLessThan(120_000);
  }
}
