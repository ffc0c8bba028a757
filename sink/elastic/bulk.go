package elastic

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// bulkFilter keeps the answer to what parseBulk reads.
const bulkFilter = "errors,items.*.status,items.*.error.type,items.*.error.reason"

// bulkResult is the answer for one item.
type bulkResult struct {
	Status int       `json:"status"`
	Err    *apiError `json:"error"`
}

// failure returns the item's error, nil if it was stored.
func (r *bulkResult) failure() *apiError {
	if r.Err == nil {
		if r.Status < 300 {
			return nil
		}
		return &apiError{Status: r.Status}
	}
	r.Err.Status = r.Status
	return r.Err
}

// parseBulk reads the answer to a bulk request of n items. An answer that does not account for each of them is an error: then nobody
// knows what was stored, and all are sent again.
func parseBulk(answer []byte, n int) ([]bulkResult, error) {
	if bytes.HasPrefix(answer, []byte(`{"errors":false,`)) && bytes.Count(answer, []byte(`"status":20`)) == n {
		return make([]bulkResult, n), nil
	}
	var body struct {
		Items []struct {
			Create, Index *bulkResult
		} `json:"items"`
	}
	if err := json.Unmarshal(answer, &body); err != nil {
		return nil, fmt.Errorf("unreadable answer to a bulk request: %w", err)
	}
	if len(body.Items) != n {
		return nil, fmt.Errorf("the answer to a bulk request of %d documents tells of %d", n, len(body.Items))
	}
	results := make([]bulkResult, n)
	for i := range body.Items {
		switch it := body.Items[i]; {
		case it.Create != nil:
			results[i] = *it.Create
		case it.Index != nil:
			results[i] = *it.Index
		}
		if results[i].Status == 0 {
			return nil, fmt.Errorf("the answer to a bulk request tells nothing of document %d", i)
		}
	}
	return results, nil
}
