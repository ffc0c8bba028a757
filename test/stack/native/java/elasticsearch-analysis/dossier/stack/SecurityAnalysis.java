package dossier.stack;

import java.io.Reader;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.charfilter.MappingCharFilter;
import org.apache.lucene.analysis.charfilter.NormalizeCharMap;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.miscellaneous.TruncateTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.apache.lucene.analysis.pattern.PatternReplaceFilter;
import org.apache.lucene.analysis.pattern.PatternTokenizer;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AbstractTokenFilterFactory;
import org.elasticsearch.index.analysis.CharFilterFactory;
import org.elasticsearch.index.analysis.NormalizingCharFilterFactory;
import org.elasticsearch.index.analysis.NormalizingTokenFilterFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * What the template of the .security index and Dossier's own need of the module analysis-common, which is not on Maven Central; Lucene, which
 * does the work, is. Names and options are the module's.
 */
public final class SecurityAnalysis extends Plugin implements AnalysisPlugin {
    @Override
    public Map<String, AnalysisProvider<CharFilterFactory>> getCharFilters() {
        AnalysisProvider<CharFilterFactory> mapping = (index, environment, name, settings) -> {
            NormalizeCharMap.Builder builder = new NormalizeCharMap.Builder();
            for (String rule : settings.getAsList("mappings")) {
                String[] sides = rule.split("\\s*=>\\s*", 2);
                builder.add(sides[0], sides[1]);
            }
            return new Mapping(name, builder.build());
        };
        return Map.of("mapping", AnalysisPlugin.requiresAnalysisSettings(mapping));
    }

    @Override
    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        AnalysisProvider<TokenizerFactory> pattern = (index, environment, name, settings) -> {
            Pattern separator = Pattern.compile(settings.get("pattern", "\\W+"));
            int group = settings.getAsInt("group", -1);
            return TokenizerFactory.newFactory(name, () -> new PatternTokenizer(separator, group));
        };
        return Map.of(
            "uax_url_email", (index, environment, name, settings) -> TokenizerFactory.newFactory(name, UAX29URLEmailTokenizer::new),
            "pattern", pattern);
    }

    @Override
    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        AnalysisProvider<TokenFilterFactory> capture = (index, environment, name, settings) -> {
            Pattern[] patterns = settings.getAsList("patterns").stream().map(Pattern::compile).toArray(Pattern[]::new);
            boolean keepOriginal = settings.getAsBoolean("preserve_original", true);
            return filter(name, settings, in -> new PatternCaptureGroupTokenFilter(in, keepOriginal, patterns));
        };
        AnalysisProvider<TokenFilterFactory> replace = (index, environment, name, settings) -> {
            Pattern pattern = Pattern.compile(settings.get("pattern"));
            String replacement = settings.get("replacement", "");
            boolean all = settings.getAsBoolean("all", true);
            return filter(name, settings, in -> new PatternReplaceFilter(in, pattern, replacement, all));
        };
        AnalysisProvider<TokenFilterFactory> truncate = (index, environment, name, settings) -> {
            int length = settings.getAsInt("length", -1);
            return filter(name, settings, in -> new TruncateTokenFilter(in, length));
        };
        AnalysisProvider<TokenFilterFactory> fold = (index, environment, name, settings) -> new Folding(name, settings);
        return Map.of(
            "pattern_capture", AnalysisPlugin.requiresAnalysisSettings(capture),
            "pattern_replace", AnalysisPlugin.requiresAnalysisSettings(replace),
            "truncate", AnalysisPlugin.requiresAnalysisSettings(truncate),
            "asciifolding", fold,
            "unique", (index, environment, name, settings) -> filter(name, settings, RemoveDuplicatesTokenFilter::new));
    }

    private static TokenFilterFactory filter(String name, Settings settings, UnaryOperator<TokenStream> wrap) {
        return new AbstractTokenFilterFactory(name, settings) {
            @Override
            public TokenStream create(TokenStream in) {
                return wrap.apply(in);
            }
        };
    }

    private record Mapping(String name, NormalizeCharMap map) implements NormalizingCharFilterFactory {
        @Override
        public Reader create(Reader in) {
            return new MappingCharFilter(map, in);
        }
    }

    /** Folds whole words and the beginnings of words alike. */
    private static final class Folding extends AbstractTokenFilterFactory implements NormalizingTokenFilterFactory {
        Folding(String name, Settings settings) {
            super(name, settings);
        }

        @Override
        public TokenStream create(TokenStream in) {
            return new ASCIIFoldingFilter(in);
        }
    }
}
